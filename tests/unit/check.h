/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h - the unit tests' few words: Criterion where there is one, else a
 * runner of thirty lines, so that they also run as 32-bit and big-endian.
 * A failed check ends its test.
 */
#ifndef SEG_CHECK_H
#define SEG_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef SEG_HAVE_CRITERION

#include <criterion/criterion.h>

#define TEST(suite, name)   Test(suite, name)
#define check_that(ok, ...) cr_assert(ok, __VA_ARGS__)

#else

#include <setjmp.h>

struct check_test {
	const char *name;
	void (*run)(void);
	struct check_test *next;
};

static struct check_test *check_tests;
static jmp_buf check_failed;

#define TEST(suite, test)                                                                          \
	static void suite##_##test(void);                                                          \
	__attribute__((constructor)) static void suite##_##test##_add(void)                        \
	{                                                                                          \
		static struct check_test this = {#suite "." #test, suite##_##test, NULL};          \
                                                                                                   \
		this.next = check_tests;                                                           \
		check_tests = &this;                                                               \
	}                                                                                          \
	static void suite##_##test(void)

#define check_that(ok, ...)                                                                        \
	do {                                                                                       \
		if (ok)                                                                            \
			break;                                                                     \
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                    \
		fprintf(stderr, __VA_ARGS__);                                                      \
		longjmp(check_failed, 1);                                                          \
	} while (0)

int main(void)
{
	static int passed;
	static int failed;

	for (struct check_test *volatile test = check_tests; test; test = test->next) {
		if (!setjmp(check_failed)) {
			test->run();
			passed++;
			continue;
		}
		fprintf(stderr, " (in %s)\n", test->name);
		failed++;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed || !passed;
}

#endif

#define check(condition) check_that(condition, "%s", #condition)

#define check_eq(a, b)                                                                             \
	do {                                                                                       \
		long long check_a = (long long)(a);                                                \
		long long check_b = (long long)(b);                                                \
                                                                                                   \
		check_that(check_a == check_b, "%s is %lld, not %lld (%s)", #a, check_a, check_b,  \
			   #b);                                                                    \
	} while (0)

#define check_str_eq(a, b)                                                                         \
	do {                                                                                       \
		const char *check_a = (a);                                                         \
		const char *check_b = (b);                                                         \
                                                                                                   \
		check_that(strcmp(check_a, check_b) == 0, "%s is \"%s\", not \"%s\"", #a, check_a, \
			   check_b);                                                               \
	} while (0)

#endif
