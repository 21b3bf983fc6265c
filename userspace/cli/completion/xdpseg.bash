# xdpseg(1)'s completion for bash. Its tables are those of the command itself.
# SPDX-License-Identifier: BSD-2-Clause

# Keys are verbs, with a '/' behind each word; rows are WORD, TAB, what it is for.
declare -gA _xdpseg_verbs=() _xdpseg_options=() _xdpseg_arguments=() _xdpseg_operands=()
declare -gA _xdpseg_filters=() _xdpseg_values=()
@TABLES@

# The first word of each row.
_xdpseg_words() {
	local row
	while IFS=$'\t' read -r row _; do
		[[ $row ]] && echo "$row"
	done <<<"$1"
}

_xdpseg_reply() {
	mapfile -t COMPREPLY < <(compgen "$@" -- "$cur")
}

# What a FILTER may go on with, behind the word $1.
_xdpseg_filter() {
	if [[ ${1-} && -n ${_xdpseg_values[$1]+there} ]]; then
		_xdpseg_kind "${_xdpseg_values[$1]}"
		return
	fi
	_xdpseg_reply -W "$(_xdpseg_words "${_xdpseg_filters[/]}") not tcp udp icmp icmpv6 sctp"
}

# Candidates of a kind: =WORDS, FILE, IFACE...; $2: the operand before.
_xdpseg_kind() {
	case $1 in
	=*) _xdpseg_reply -W "${1#=}" ;;
	FILE*)
		compopt -o filenames 2>/dev/null
		_xdpseg_reply -f
		;;
	DIR)
		compopt -o filenames 2>/dev/null
		_xdpseg_reply -d
		;;
	IFACE | NAME) _xdpseg_reply -W "$(command ls "${XDPSEG_SYSFS:-/sys}/class/net" 2>/dev/null)" ;;
	PROTO) _xdpseg_reply -W 'tcp udp icmp icmpv6 sctp udplite dccp' ;;
	FLOW)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -W 'tcp udp icmp icmpv6 sctp' -- "$cur"; compgen -f -- "$cur")
		;;
	FILTER) _xdpseg_filter "${2-}" ;;
	esac
}

# The verbs below a path.
_xdpseg_below() {
	_xdpseg_reply -W "$(_xdpseg_words "${_xdpseg_verbs[$1]-}")"
}

_xdpseg() {
	local cur=${COMP_WORDS[COMP_CWORD]} key=/ argument='' last='' word help='' i operands=0
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[[ $word == = ]] && continue # --option=argument comes as three words
		if [[ $argument ]]; then
			argument=''
			continue
		fi
		if [[ $word == -* ]]; then
			argument=${_xdpseg_arguments[$key$word]-${_xdpseg_arguments[/$word]-}}
		elif ((!operands)) && [[ $'\n'${_xdpseg_verbs[$key]-} == *$'\n'"$word"$'\t'* ]]; then
			key=${key#/}$word/
			if [[ $key == help/ ]]; then
				help=yes key=/
			fi
		else
			last=$word
			((operands += 1))
		fi
	done
	[[ $cur == = ]] && cur=''
	if [[ $argument ]]; then
		_xdpseg_kind "$argument"
	elif [[ $cur == -* ]]; then
		_xdpseg_reply -W "$(_xdpseg_words "${_xdpseg_options[$key]-}${_xdpseg_options[/]}")"
	elif [[ $help ]]; then
		_xdpseg_below "$key"
	else
		_xdpseg_kind "${_xdpseg_operands[$key]-}" "$last"
		((operands)) && return
		local found=("${COMPREPLY[@]}")
		_xdpseg_below "$key"
		COMPREPLY+=("${found[@]}")
	fi
}

complete -F _xdpseg xdpseg
