"""What is needed to install, run and rehearse Dockwave; never imported by the product."""
