"""The instruments, one file each; a new file with an ``INSTRUMENT`` in it is found by itself."""
