"""The rooms behind the doors: one subject each. To read, not to edit."""
