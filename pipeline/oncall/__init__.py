"""Calendars and who is on call, computed purely: times come in, times go out."""
