"""What the back office's index says of the whole campus: figures, plots, what needs attention.

`figures` asks the database, `plots` turns numbers into coordinates, `attention` finds what
somebody should do something about; `charts` and the templates put it into words.
"""
