"""How long backup and restore take and what they use, beside what people use today and beside the limits."""
