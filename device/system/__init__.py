"""Store, supervision, systemd, health of the board."""
