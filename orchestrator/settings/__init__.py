"""Where Dockwave finds everything: flags, environment, one file, defaults; tables have files of their own."""
