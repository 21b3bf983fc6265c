# xdpseg(1)'s completion for fish. Its tables are those of the command itself.
# SPDX-License-Identifier: BSD-2-Clause

# The verb that the words before this one name, with a '/' behind each; then the operands.
function __xdpseg_read
    set -l path
    set -l operands
    set -l words (commandline -opc)
    set -e words[1]
    set -l skip 0
    set -l help
    for word in $words
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            __xdpseg_takes "$path" $word; and set skip 1
        else if test -z "$operands"; and contains -- "$path$word" $__xdpseg_paths
            set path "$path$word/"
            if test $path = help/
                set help help:
                set path
            end
        else
            set operands $operands $word
        end
    end
    test -n "$path"; or set path /
    printf '%s\n' "$help$path" $operands
end

# The option wants a word behind it.
function __xdpseg_takes
    contains -- "$argv[1]$argv[2]" $__xdpseg_arguments; or contains -- "/$argv[2]" $__xdpseg_arguments
end

function __xdpseg_at
    set -l read (__xdpseg_read)
    test "$read[1]" = $argv[1]
end

# The same, and no operand yet; also behind `help`.
function __xdpseg_first
    set -l read (__xdpseg_read)
    test (count $read) = 1; or return 1
    contains -- "$read[1]" $argv[1] help:$argv[1]
end

function __xdpseg_filter
    set -l read (__xdpseg_read)
    set -l last values_$read[-1]
    if test (count $read) -gt 1; and string match -qr '^\w+$' $last; and set -q __xdpseg_$last
        set -l name __xdpseg_$last
        __xdpseg_kind $$name
        return
    end
    printf '%s\n' $__xdpseg_filters not tcp udp icmp icmpv6 sctp
end

# Candidates of a kind: =WORDS, FILE, IFACE...
function __xdpseg_kind
    set -l sysfs /sys
    set -q XDPSEG_SYSFS; and set sysfs $XDPSEG_SYSFS
    switch "$argv[1]"
        case '=*'
            string split -n ' ' -- (string sub -s 2 -- "$argv")
        case 'FILE*'
            __fish_complete_path (commandline -ct)
        case DIR
            __fish_complete_directories (commandline -ct)
        case IFACE NAME
            command ls $sysfs/class/net 2>/dev/null
        case PROTO
            printf '%s\n' tcp udp icmp icmpv6 sctp udplite dccp
        case FLOW
            printf '%s\n' tcp udp icmp icmpv6 sctp
            __fish_complete_path (commandline -ct)
        case FILTER
            __xdpseg_filter
    end
end

set -g __xdpseg_filters
set -g __xdpseg_paths
set -g __xdpseg_arguments
complete -c xdpseg -e
complete -c xdpseg -f
@TABLES@
