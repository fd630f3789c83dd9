"""What is published: servers behind meshd that are reached by name, and bytes of ports that are passed on."""
