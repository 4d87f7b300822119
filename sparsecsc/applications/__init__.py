"""What sparse codes are for: removing noise, filling gaps, taking apart, finding events."""
