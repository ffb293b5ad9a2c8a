# README as it is installed: no files of the source are beside it, so links to them become their
# names, and plots go.
/^!\[/ { N; d }
s/\[[^]]*\](systemd\/examples)/`examples`/
s/\[\([^]]*\)\]([^)#:][^):]*)/\1/g
