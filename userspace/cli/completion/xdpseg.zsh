#compdef xdpseg
# xdpseg(1)'s completion for zsh. Its tables are those of the command itself.
# SPDX-License-Identifier: BSD-2-Clause

# Keys are verbs, with a '/' behind each word; rows are WORD, TAB, what it is for.
typeset -gA _xdpseg_verbs=() _xdpseg_options=() _xdpseg_arguments=() _xdpseg_operands=()
typeset -gA _xdpseg_filters=() _xdpseg_values=()
@TABLES@

# Offer rows: what, rows.
_xdpseg_offer() {
	local row
	local -a rows
	for row in ${(f)2}; do
		rows+=("${${row%%$'\t'*}//:/\\:}:${row#*$'\t'}")
	done
	(( $#rows )) && _describe -t "$1" "$1" rows
}

_xdpseg_filter() {
	if [[ -n ${1-} && -n ${_xdpseg_values[$1]+there} ]]; then
		_xdpseg_kind "${_xdpseg_values[$1]}"
		return
	fi
	_xdpseg_offer filter "${_xdpseg_filters[/]}"
	compadd -- not tcp udp icmp icmpv6 sctp
}

# Candidates of a kind: =WORDS, FILE, IFACE...; $2: the operand before.
_xdpseg_kind() {
	case $1 in
	\=*) compadd -- ${=1#=} ;;
	FILE*) _files ;;
	DIR) _files -/ ;;
	IFACE | NAME) compadd -- ${XDPSEG_SYSFS:-/sys}/class/net/*(N:t) ;;
	PROTO) compadd -- tcp udp icmp icmpv6 sctp udplite dccp ;;
	FLOW)
		compadd -- tcp udp icmp icmpv6 sctp
		_files
		;;
	FILTER) _xdpseg_filter "${2-}" ;;
	esac
}

_xdpseg() {
	local cur=${words[CURRENT]} key=/ argument= last= word help= i operands=0
	for ((i = 2; i < CURRENT; i++)); do
		word=${words[i]}
		if [[ -n $argument ]]; then
			argument=
			continue
		fi
		if [[ $word == -*=* ]]; then
			continue
		elif [[ $word == -* ]]; then
			argument=${_xdpseg_arguments[${key}${word}]-${_xdpseg_arguments[/${word}]-}}
		elif (( ! operands )) && [[ $'\n'${_xdpseg_verbs[$key]-} == *$'\n'${word}$'\t'* ]]; then
			key=${key#/}$word/
			if [[ $key == help/ ]]; then
				help=yes key=/
			fi
		else
			last=$word
			(( operands += 1 ))
		fi
	done
	if [[ $cur == --*=* ]]; then
		word=${cur%%=*}
		argument=${_xdpseg_arguments[${key}${word}]-${_xdpseg_arguments[/${word}]-}}
		compset -P '*='
	fi
	if [[ -n $argument ]]; then
		_xdpseg_kind "$argument"
	elif [[ $cur == -* ]]; then
		_xdpseg_offer option "${_xdpseg_options[$key]-}${_xdpseg_options[/]}"
	elif [[ -n $help ]]; then
		_xdpseg_offer verb "${_xdpseg_verbs[$key]-}"
	else
		(( operands )) || _xdpseg_offer verb "${_xdpseg_verbs[$key]-}"
		_xdpseg_kind "${_xdpseg_operands[$key]-}" "$last"
	fi
}

[[ ${funcstack[1]-} == _xdpseg ]] && _xdpseg "$@"
