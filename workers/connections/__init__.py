"""Ways to reach a host: `local` (an agent on it), `ssh` (a gateway), and a pool that keeps both warm."""
