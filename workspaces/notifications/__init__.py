"""Notifications: people and programs are told of jobs, drift and what is about to end.

``outbox`` writes what is to be told in the transaction of the change, ``sending`` tells it by one of ``channels``.
Texts are English, like all that is answered to programs: a channel has many readers, and a worker knows none of them.
"""
