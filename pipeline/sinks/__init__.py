"""Receivers' protocols: each sink turns a notification into requests and answers into outcomes."""
