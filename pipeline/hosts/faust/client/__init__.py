"""What the Kafka host changes of aiokafka: transactions, group membership and bulk reads.

Nothing here knows Faust, the engine or a table. `transactions` commits an epoch, `group` keeps a
member in its group and reads what a former owner committed, `check` refuses to run on an aiokafka
other than the one that these changes were written against.
"""
