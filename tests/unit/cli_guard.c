/* SPDX-License-Identifier: BSD-2-Clause */
/* cli_guard.c - which policies would lock out an SSH session, and what is said of it. */
#include <errno.h>

#include "abi.h"
#include "check.h"
#include "guard.h"

#define RULES(rules) "version: 1\nname: p\ndefaults: {ingress: deny}\nrules:\n" rules

static struct seg_error err;

/* What the guard says to a session from `client` to 198.51.100.1 or fd00::1, port 22, by eth0. */
static int judge(const char *text, const char *client, uint16_t vlan)
{
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	struct seg_ssh ssh = {.client_port = 5000, .server_port = 22};
	struct seg_guarded what = {.files = &files, .ways_out = "wait, "};
	const char *server = strchr(client, ':') ? "fd00::1" : "198.51.100.1";
	uint16_t tags[2] = {vlan, 0};

	err = (struct seg_error){0};
	check_eq(seg_address_parse(client, strlen(client), &ssh.client), 0);
	check_eq(seg_address_parse(server, strlen(server), &ssh.server), 0);
	check_eq(seg_policy_files_add(&files, "p.yaml", text, strlen(text)), 0);
	check_eq(seg_policy_files_open(&files, &policy, &err), 0);
	what.image = seg_policy_image(policy);
	return seg_guard_judge(&what, &ssh, "eth0", tags, &err);
}

static void check_says(const char *text, const char *word)
{
	check_that(strstr(text, word), "\"%s\" does not say \"%s\"", text, word);
}

TEST(guard, a_rule_that_allows)
{
	check_eq(judge(RULES("  - {service: tcp/22, from: 192.0.2.0/24, action: allow}\n"),
		       "192.0.2.7", 0),
		 0);
	check_eq(
		judge(RULES("  - {service: tcp/22, iface: eth0, action: allow}\n"), "192.0.2.7", 0),
		0);
	check_eq(judge("version: 1\ndefaults: {ingress: allow}\n", "192.0.2.7", 0), 0);
}

TEST(guard, a_rule_that_denies_is_named_and_shown)
{
	check_eq(judge(RULES("  - {id: no, service: tcp/22, action: deny}\n"), "192.0.2.7", 0),
		 -ECANCELED);
	check_eq(err.exit, SEG_EXIT_PROTECTED);
	check_says(err.what, "192.0.2.7:5000");
	check_says(err.what, "198.51.100.1:22");
	check_says(err.what, "eth0");
	check_says(err.what, "rule no ");
	check_str_eq(err.file, "p.yaml");
	check_eq(err.line, 5);
	check_eq(err.column, 5);
	check_says(err.source, "- {id: no, service");
	check_says(err.mend, "`failsafe: [tcp/22 from 192.0.2.7]`");
	check_says(err.mend, "wait, or say --force");
}

TEST(guard, the_default_that_denies)
{
	check_eq(judge(RULES("  - {service: tcp/22, from: 192.0.2.8, action: allow}\n"),
		       "192.0.2.7", 0),
		 -ECANCELED);
	check_says(err.what, "default for ingress");
	check_str_eq(err.file, "p.yaml");
	check_eq(err.line, 0);
	check_eq(
		judge(RULES("  - {service: tcp/22, iface: eth1, action: allow}\n"), "192.0.2.7", 0),
		-ECANCELED);
	check_eq(judge(RULES("  - {service: tcp/22, direction: egress, action: allow}\n"),
		       "192.0.2.7", 0),
		 -ECANCELED);
	check_eq(judge(RULES("  - {service: tcp/22, action: allow, stage: shadow}\n"), "192.0.2.7",
		       0),
		 -ECANCELED);
}

TEST(guard, ipv6_is_quoted_in_the_mend)
{
	check_eq(judge(RULES("  - {service: tcp/23, action: allow}\n"), "2001:db8::7", 0),
		 -ECANCELED);
	check_says(err.mend, "[\"tcp/22 from 2001:db8::7\"]");
}

/* The mend mends. */
TEST(guard, failsafe)
{
	check_eq(judge("version: 1\ndefaults: {ingress: deny}\nfailsafe: [tcp/22 from 192.0.2.7]\n",
		       "192.0.2.7", 0),
		 0);
	check_eq(judge("version: 1\ndefaults: {ingress: deny}\n"
		       "failsafe: [\"tcp/22 from 2001:db8::7\"]\n",
		       "2001:db8::7", 0),
		 0);
	check_eq(judge("version: 1\ndefaults: {ingress: deny}\nfailsafe: [tcp/22 from 192.0.2.8]\n",
		       "192.0.2.7", 0),
		 -ECANCELED);
}

TEST(guard, vlans)
{
	static const char text[] = RULES("  - {service: tcp/22, vlan: 100, action: allow}\n");

	check_eq(judge(text, "192.0.2.7", SEG_VLAN_PRESENT | 100), 0);
	check_eq(judge(text, "192.0.2.7", 0), -ECANCELED);
	check_eq(judge("version: 1\ndefaults: {ingress: allow}\nfailsafe: [tcp/22]\n", "192.0.2.7",
		       SEG_VLAN_PRESENT | 200),
		 -ECANCELED);
	check_says(err.what, "VLAN");
}
