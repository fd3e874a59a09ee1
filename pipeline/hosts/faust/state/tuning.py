"""Tuning: how much memory, and how many files, all RocksDB stores of one process may use.

Dozens of tasks live in one process, so blocks and write buffers are shared: at their limit the
least used block leaves, and the store that writes flushes a buffer to disk. What grows with the
state beside them is an index and a filter of about 2 bytes per key.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DataBlockIndexType,
    DBCompressionType,
    Options,
    WriteBufferManager,
)

BLOCK_CACHE_BYTES: Final = 64 << 20
"""Blocks read from disk, for all stores together."""

WRITE_BUFFERS_BYTES: Final = 64 << 20
"""What is not yet in a file, for all stores together."""

WRITE_BUFFER_BYTES: Final = 8 << 20
"""What is not yet in a file, per table of a store."""

WAL_BYTES_MAX: Final = 32 << 20
"""The write-ahead log of one store; at the limit its oldest buffers are flushed."""

OPEN_FILES_MAX: Final = 128
"""Files that one store keeps open; at the limit the least used is closed. One holds 64 MiB."""

BLOCK_BYTES: Final = 2 << 10
"""Values of a table are some hundred bytes and read singly: smaller blocks are faster then."""

ARENA_BYTES: Final = 64 << 10
"""Memory is taken in such pieces; the default of 1 MiB per table would fill the shared limit
with tables that hold three rows."""

LOG_FILES_MAX: Final = 2
LOG_FILE_BYTES: Final = 1 << 20


@cache
def _blocks() -> Cache:
    return Cache.new_hyper_clock_cache(BLOCK_CACHE_BYTES, BLOCK_BYTES)


@cache
def _buffers() -> WriteBufferManager:
    return WriteBufferManager(WRITE_BUFFERS_BYTES, allow_stall=False)


def options() -> Options:
    """The options of one store and of each of its tables. Keys and values are bytes as they are."""
    blocks = BlockBasedOptions()
    blocks.set_block_cache(_blocks())
    blocks.set_block_size(BLOCK_BYTES)
    blocks.set_block_restart_interval(8)
    blocks.set_bloom_filter(10, block_based=False)
    blocks.set_format_version(5)
    blocks.set_data_block_index_type(DataBlockIndexType.binary_and_hash())
    blocks.set_data_block_hash_ratio(0.75)
    chosen = Options(raw_mode=True)
    chosen.create_if_missing(create_if_missing=True)
    chosen.create_missing_column_families(create_missing_cfs=True)
    chosen.set_block_based_table_factory(blocks)
    chosen.set_compression_type(DBCompressionType.lz4())
    chosen.set_write_buffer_manager(_buffers())
    chosen.set_write_buffer_size(WRITE_BUFFER_BYTES)
    chosen.set_arena_block_size(ARENA_BYTES)
    chosen.set_max_total_wal_size(WAL_BYTES_MAX)
    chosen.set_max_open_files(OPEN_FILES_MAX)
    chosen.set_keep_log_file_num(LOG_FILES_MAX)
    chosen.set_max_log_file_size(LOG_FILE_BYTES)
    chosen.set_stats_dump_period_sec(0)
    chosen.set_stats_persist_period_sec(0)
    return chosen
