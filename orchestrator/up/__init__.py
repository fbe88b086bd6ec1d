"""`dockwave up`: the whole control plane of one machine under one supervisor."""
