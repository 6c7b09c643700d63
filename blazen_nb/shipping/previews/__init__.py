"""A little of a value for people to look at, by its kind; loads no library, and copies only what is shown."""
