/* SPDX-License-Identifier: BSD-2-Clause */
#include "guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "cleanup.h"
#include "client.h"
#include "local.h"
#include "state.h"

/* --- one interface ----------------------------------------------------------------------- */

/* The session as it would begin again. */
static struct seg_flow flow_of(const struct seg_ssh *ssh, uint16_t iface, const uint16_t vlan[2])
{
	struct seg_flow flow = {
		.sport = htons(ssh->client_port),
		.dport = htons(ssh->server_port),
		.family = seg_address_family(&ssh->server),
		.proto = IPPROTO_TCP,
		.tcp_flags = SEG_TCP_SYN,
		.direction = SEG_INGRESS,
		.vlan = {vlan[0], vlan[1]},
		.iface = iface,
	};

	memcpy(flow.src, &ssh->client, sizeof(flow.src));
	memcpy(flow.dst, &ssh->server, sizeof(flow.dst));
	return flow;
}

static void say_why(const struct seg_guarded *what, const struct seg_decision *decision, char *to,
		    size_t size)
{
	if (decision->flags & SEG_DECISION_UNKNOWN_VLAN)
		snprintf(to, size, "no rule names its VLAN");
	else if (decision->rule == SEG_RULE_DEFAULT)
		snprintf(to, size, "no rule allows it, and the default for ingress is deny");
	else
		snprintf(to, size, "rule %s denies it",
			 seg_image_rule_id(what->image, decision->rule));
}

/* A line of a file, cut; "" beyond its end. */
static void read_line(const struct seg_policy_file *file, unsigned int line, char *to, size_t size)
{
	const char *at = file->text, *end = at + file->len, *next;

	for (; line > 1 && at < end; line--) {
		next = memchr(at, '\n', (size_t)(end - at));
		at = next ? next + 1 : end;
	}
	next = memchr(at, '\n', (size_t)(end - at));
	snprintf(to, size, "%.*s", (int)((next ? next : end) - at), at);
}

/* The rule's, or of a default the file. */
static void place(const struct seg_guarded *what, uint32_t rule, struct seg_error *err)
{
	const struct seg_policy_file *file = &what->files->item[0];
	struct seg_rule_info info = {.file = ""};
	char line[256] = "";

	seg_image_rule_info(what->image, rule, &info);
	if (*info.file)
		file = seg_policy_files_find(what->files, info.file);
	if (file && info.line)
		read_line(file, info.line, line, sizeof(line));
	seg_error_place(err, file ? file->name : info.file, info.line,
			(unsigned int)strspn(line, " \t-") + 1, line);
}

/* YAML takes "tcp/22 from 192.0.2.1" as it is; colons need quotes. */
static void mend(const struct seg_guarded *what, const struct seg_ssh *ssh, struct seg_error *err)
{
	const char *quote = seg_address_family(&ssh->client) == 6 ? "\"" : "";
	char client[SEG_ADDRESS_TEXT_MAX];

	if (what->only_warns)
		seg_error_mend(err,
			       "add `failsafe: [%stcp/%u from %s%s]` to the policy before it is "
			       "enforced",
			       quote, ssh->server_port, seg_address_print(&ssh->client, client),
			       quote);
	seg_error_mend(err,
		       "add `failsafe: [%stcp/%u from %s%s]` to the policy, %sor say --force: then "
		       "what is open goes on, but no new one comes in",
		       quote, ssh->server_port, seg_address_print(&ssh->client, client), quote,
		       what->ways_out);
}

static int refuse(const struct seg_guarded *what, const struct seg_ssh *ssh, const char *iface,
		  const struct seg_decision *decision, struct seg_error *err)
{
	char from[SEG_ENDPOINT_TEXT_MAX], to[SEG_ENDPOINT_TEXT_MAX], why[192];

	say_why(what, decision, why, sizeof(why));
	seg_error_set(err, ECANCELED,
		      "this policy would lock you out: your SSH session, from %s to %s by %s: %s",
		      seg_endpoint_print(&ssh->client, ssh->client_port, from),
		      seg_endpoint_print(&ssh->server, ssh->server_port, to), iface, why);
	place(what, decision->rule, err);
	mend(what, ssh, err);
	seg_error_exit(err, SEG_EXIT_PROTECTED);
	return -ECANCELED;
}

int seg_guard_judge(const struct seg_guarded *what, const struct seg_ssh *ssh, const char *iface,
		    const uint16_t vlan[2], struct seg_error *err)
{
	struct seg_flow flow = flow_of(ssh, seg_image_iface(what->image, iface), vlan);
	struct seg_decision decision;

	seg_image_classify(what->image, &flow, &decision, 1);
	if (decision.verdict == SEG_VERDICT_ALLOW)
		return 0;
	if (!(decision.flags & SEG_DECISION_UNKNOWN_VLAN) &&
	    seg_image_failsafe(what->image, &flow) != SEG_FAILSAFE_NONE)
		return 0;
	return refuse(what, ssh, iface, &decision, err);
}

/* --- by which interfaces it comes ---------------------------------------------------------- */

/* By each way that the interface has to the session's address. */
static int judge_ways(const struct seg_guarded *what, const struct seg_ssh *ssh, const char *name,
		      const struct seg_local *ways, uint32_t n, struct seg_error *err)
{
	int r = 0;

	for (uint32_t i = 0; i < n && !r; i++)
		if (ways[i].here)
			r = seg_guard_judge(what, ssh, name, ways[i].vlan, err);
	return r;
}

/* Who carries the address; if none does, who else has the session: the address is another's. */
enum pass { CARRIERS, OTHERS, PASSES };

/* Where the route cannot be told, it may. */
static bool may_come_by(const struct seg_locals *locals, const struct seg_ssh *ssh)
{
	uint32_t device;

	return seg_route_device(&ssh->server, &ssh->client, &device) ||
	       seg_locals_by(locals, device);
}

/* An interface that is not there is for the daemon to refuse. */
static int judge_iface(const struct seg_guarded *what, const struct seg_ssh *ssh, const char *name,
		       enum pass pass, bool *carried, struct seg_error *err)
{
	static const uint16_t untagged[2];
	_cleanup_locals_ struct seg_locals locals = {0};
	unsigned int index = if_nametoindex(name);
	const struct seg_local *ways;
	uint32_t n;
	int r = index ? seg_locals_open(index, &locals, err) : 0;

	if (r)
		return r;
	ways = seg_locals_find(&locals, &ssh->server, &n);
	if (pass == OTHERS)
		return ways && may_come_by(&locals, ssh)
			       ? seg_guard_judge(what, ssh, name, untagged, err)
			       : 0;
	*carried |= seg_locals_here(&locals, &ssh->server);
	return judge_ways(what, ssh, name, ways, n, err);
}

static int judge_all(const struct seg_guarded *what, const struct seg_ssh *ssh, const json_t *names,
		     struct seg_error *err)
{
	bool carried = false;
	const json_t *name;
	int r = 0;
	size_t i;

	for (enum pass pass = CARRIERS; pass < PASSES && !carried && !r; pass++)
		json_array_foreach (names, i, name)
			if (!r)
				r = judge_iface(what, ssh, json_string_value(name), pass, &carried,
						err);
	return r;
}

/* --- the caller's session --------------------------------------------------------------------- */

/* Those that are named, and those that the daemon has: the policy is one for all. */
static json_t *all_names(const struct seg_guarded *what, const json_t *status)
{
	json_t *names = what->ifaces ? json_copy((json_t *)what->ifaces) : json_array();
	const char *name;
	json_t *value;

	json_object_foreach (json_object_get(status, "interfaces"), name, value)
		json_array_append_new(names, json_string(name));
	return names;
}

static bool observes(const json_t *status)
{
	return json_is_true(json_object_get(json_object_get(status, "policy"), "observe"));
}

static bool find_session(struct seg_ssh *ssh)
{
	return !seg_ssh_find("/proc", getpid(), getenv("SSH_CONNECTION"), ssh) &&
	       !seg_address_is_loopback(&ssh->client);
}

bool seg_guard_concerns(void)
{
	struct seg_ssh ssh;

	return find_session(&ssh);
}

int seg_guard(const struct seg_cli *cli, const struct seg_guarded *what, struct seg_error *err)
{
	json_auto_t *status = NULL, *names = NULL;
	struct seg_error none = {0};
	struct seg_ssh ssh;

	if (!find_session(&ssh))
		return 0;
	seg_client_call(cli->global.runtime_dir, "/v1/status", NULL, &status, &none);
	if (what->keeps_observing && observes(status))
		return 0;
	names = all_names(what, status);
	return judge_all(what, &ssh, names, err);
}
