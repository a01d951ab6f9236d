"""What providers send to webhooks: received, kept, matched, made into jobs."""
