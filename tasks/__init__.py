"""What can be done on a Docker host, as typed procedures; performs no input or output of its own."""
