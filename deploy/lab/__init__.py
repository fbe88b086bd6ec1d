"""A real fleet on one machine: Debian hosts with their own systemd, sshd, apt and Docker Engine.

Every host is a container of one outer engine. Only the standard library is used, so the lab can be built before
any virtual environment exists. From a shell: ``python3 -m deploy.lab up --hosts 6 --state DIR``.
"""
