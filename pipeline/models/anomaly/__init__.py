"""What is unusual in a series of numbers: rates of alerts, values in alerts, any CSV file.

Read `envelope` (what a record is), `season` (what is usual at this hour), `tail` (how far out
is far), `views` (what is looked at), `alarm` (when it is said), `series` (all of it, point by
point), `kept` (how it is kept).
"""
