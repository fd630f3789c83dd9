"""PosternProxy's dialect: the management of what is published behind meshd, on a listener of its own."""
