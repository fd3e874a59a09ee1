// An alert written straight to `raw-alerts`, and a topic read back, with Go's franz-go.
//
//	go run . produce HOST:PORT NAME
//	go run . consume HOST:PORT TOPIC   # until its end, as JSON lines
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Avro's single-object encoding: C3 01, the schema's fingerprint, the body.
const (
	markerSize  = 2
	framingSize = markerSize + 8
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: produce HOST:PORT NAME | consume HOST:PORT TOPIC")
	}
	ctx, bootstrap, what := context.Background(), os.Args[2], os.Args[3]
	var err error
	switch os.Args[1] {
	case "produce":
		err = produce(ctx, bootstrap, what)
	case "consume":
		err = consume(ctx, bootstrap, what)
	default:
		err = fmt.Errorf("%q is neither produce nor consume", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

// produce writes one alert as native JSON and waits until all replicas in sync have it. franz-go is
// idempotent and compresses with snappy unless told otherwise; both is understood.
func produce(ctx context.Context, bootstrap, name string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RequiredAcks(kgo.AllISRAcks()))
	if err != nil {
		return err
	}
	defer client.Close()
	value, err := json.Marshal(map[string]string{
		"name": name, "status": "firing", "severity": "critical", "service": "db",
	})
	if err != nil {
		return err
	}
	sent, err := client.ProduceSync(ctx, &kgo.Record{
		Topic:   "raw-alerts",
		Key:     []byte(name), // one key for one fact keeps what is said of it in order
		Value:   value,
		Headers: []kgo.RecordHeader{{Key: "source", Value: []byte("go-example")}},
	}).First()
	if err != nil {
		return err
	}
	fmt.Printf("%s:%d:%d\n", sent.Topic, sent.Partition, sent.Offset)
	return nil
}

// consume prints what is committed on a topic, up to the end that it has now.
func consume(ctx context.Context, bootstrap, topic string) error {
	schemas, err := readSchemas(filepath.Join("..", "..", "..", "schemas"))
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Where the markers of transactions are seen too, the end of a partition is reached.
		kgo.KeepControlRecords(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListCommittedOffsets(ctx, topic)
	if err != nil {
		return err
	}
	left := map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			left[end.Partition] = end.Offset
		}
	})
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			if !record.Attrs.IsControl() {
				if err := show(record, schemas); err != nil {
					return err
				}
			}
			if record.Offset+1 >= left[record.Partition] {
				delete(left, record.Partition)
			}
		}
	}
	return nil
}

// show prints a record as JSON. A null value is a tombstone.
func show(record *kgo.Record, schemas map[string]avro.Schema) error {
	value := map[string]any{}
	if record.Value != nil {
		schema, ok := schemas[string(record.Value[markerSize:framingSize])]
		if !ok {
			return fmt.Errorf("no schema has the fingerprint %x", record.Value[markerSize:framingSize])
		}
		if err := avro.Unmarshal(schema, record.Value[framingSize:], &value); err != nil {
			return err
		}
	}
	// NaN stands for a number that is unknown, and is no JSON.
	for name, field := range value {
		if number, ok := field.(float64); ok && number != number {
			value[name] = nil
		}
	}
	line, err := json.Marshal(map[string]any{"key": string(record.Key), "value": value})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

// readSchemas gives every schema that ever wrote a value, by its fingerprint as on the wire.
func readSchemas(folder string) (map[string]avro.Schema, error) {
	schemas := map[string]avro.Schema{}
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".avsc") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		// A cache of its own: former schemas have the names of present ones.
		schema, err := avro.ParseBytesWithCache(text, "", &avro.SchemaCache{})
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		known, err := schema.FingerprintUsing(avro.CRC64AvroLE)
		schemas[string(known)] = schema
		return err
	})
	return schemas, err
}
