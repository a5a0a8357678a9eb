"""What the end-to-end tests share: the real binary, raw HTTP, load, and a look at /proc."""
