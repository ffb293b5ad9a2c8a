# README as it is installed: no files of the source are next to it, so links to them become their
# names.
s/\[[^]]*\](systemd\/examples)/`examples`/
s/\[\([^]]*\)\]([^)#:][^):]*)/\1/g
