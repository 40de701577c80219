"""The files a person writes, read strictly: a plan of the system, or one sentence about what is wrong.

`file.read_system` reads the file that describes a system into a `schema.SystemPlan`, and
`params.parse_params` reads one plugin's parameters into the model that the plugin declares.
"""
