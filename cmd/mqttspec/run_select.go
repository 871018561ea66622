package main

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites"
)

const (
	quickWait = time.Second     // --quick leaves out specs that wait as long or longer
	longWait  = 9 * time.Second // specs that wait longer want --long
)

// selection says which specs of the list a run is about.
type selection struct {
	versions    []wire.Version
	only        []string
	level       string // "must", "should" or "may"
	quick, long bool
	failed      map[string]bool // keys of items, nil for all
	shard       shard
}

// shard is one of n equal parts of what was selected, counted from 1. The zero value is all of it.
type shard struct{ part, of int }

// parseShard reads "2/5".
func parseShard(text string) (shard, error) {
	if text == "" {
		return shard{}, nil
	}
	part, of, _ := strings.Cut(text, "/")
	i, err1 := strconv.Atoi(part)
	n, err2 := strconv.Atoi(of)
	if err := errors.Join(err1, err2); err != nil || i < 1 || i > n {
		return shard{}, fmt.Errorf("%q is no part such as 2/5", text)
	}
	return shard{i, n}, nil
}

// parseVersions reads "5", "3.1.1" or "both".
func parseVersions(text string) ([]wire.Version, error) {
	switch text {
	case "both":
		return suites.Versions, nil
	case "5", "5.0":
		return []wire.Version{wire.V5}, nil
	case "3.1.1", "311":
		return []wire.Version{wire.V311}, nil
	}
	return nil, fmt.Errorf("%q is no version; there are 5, 3.1.1 and both", text)
}

// compileList returns every item of the list, one version after the other, so that sections stay together.
func compileList() ([]harness.Item, error) {
	var items []harness.Item
	for _, v := range suites.Versions {
		of, err := harness.Compile(suites.All(), v)
		if err != nil {
			return nil, &exitError{exitDefect, fmt.Errorf("the list of specs is broken: %w", err)}
		}
		items = append(items, of...)
	}
	return items, nil
}

// chosen is what a selection leaves of the list.
type chosen struct {
	items   []harness.Item
	tooLong int // specs that only --long runs
}

// choose applies the selection. An expression of which nothing is left is an error that says why.
func (s selection) choose(list []harness.Item) (c chosen, err error) {
	picked := list
	if len(s.only) > 0 {
		picked = nil
		take := map[string]bool{}
		for _, expr := range s.only {
			meant, err := match(expr, list)
			if err != nil {
				return c, usagef("--only %s: %w", expr, err)
			}
			left, _, why := s.filter(meant)
			if len(left) == 0 && s.failed == nil {
				return c, usagef("--only %s leaves nothing to run: %s", expr, why)
			}
			for _, i := range meant {
				take[i.Key()] = true
			}
		}
		for _, i := range list {
			if take[i.Key()] {
				picked = append(picked, i)
			}
		}
	}
	left, tooLong, why := s.filter(picked)
	if len(left) == 0 && s.failed == nil {
		return c, usagef("nothing is left to run: %s", why)
	}
	c = chosen{left, tooLong}
	if s.shard.of > 0 {
		c.items = nil
		for n, i := range left {
			if n%s.shard.of == s.shard.part-1 {
				c.items = append(c.items, i)
			}
		}
		if len(c.items) == 0 && len(left) > 0 {
			return c, usagef("--shard %d/%d is empty: there are only %d specs to divide", s.shard.part, s.shard.of, len(left))
		}
	}
	return c, nil
}

// filter leaves out what the flags beside --only leave out, and tells what that was.
func (s selection) filter(items []harness.Item) (left []harness.Item, tooLong int, why string) {
	out := map[string]int{}
	var order []string
	drop := func(reason string) {
		if out[reason]++; out[reason] == 1 {
			order = append(order, reason)
		}
	}
	for _, i := range items {
		switch {
		case !slices.Contains(s.versions, i.Version):
			drop("of the other version (--mqtt)")
		case !s.demands(i):
			drop("of a lower level (--level)")
		case s.quick && i.Wait >= quickWait:
			drop("that wait 1 s or longer (--quick)")
		case !s.long && i.Wait > longWait:
			tooLong++
			drop("that wait longer than 9 s (--long runs them)")
		case s.failed != nil && !s.failed[i.Key()]:
			drop("that did not fail (--failed)")
		default:
			left = append(left, i)
		}
	}
	var reasons []string
	for _, r := range order {
		reasons = append(reasons, fmt.Sprintf("%d %s", out[r], r))
	}
	if len(reasons) == 0 {
		reasons = []string{"the list is empty"}
	}
	return left, tooLong, strings.Join(reasons, ", ")
}

// demands reports whether the item claims a statement of the selected level or above.
func (s selection) demands(i harness.Item) bool {
	levels := []req.Level{req.Must, req.MustNot}
	switch s.level {
	case "may":
		return true
	case "should":
		levels = append(levels, req.Should, req.ShouldNot)
	}
	return slices.ContainsFunc(i.Claims.Of(i.Version), func(id req.ID) bool {
		st, ok := req.Lookup(id)
		return ok && slices.Contains(levels, st.Level)
	})
}

// match returns the items that an expression means: the id of a spec, with or without its version ("CS-01",
// "CS-01/5.0"), the title of a section, a pattern over either, or statements as [req.Match] reads them.
func match(expr string, list []harness.Item) (meant []harness.Item, err error) {
	statements := map[req.ID]bool{}
	known, unknown := req.Match(expr)
	for _, s := range known {
		statements[s.ID] = true
	}
	for _, i := range list {
		named := false
		for _, name := range []string{i.ID, i.Key(), i.Section} {
			is, err := fits(expr, name)
			if err != nil {
				return nil, fmt.Errorf("the pattern is malformed: %w", err)
			}
			named = named || is
		}
		if named || slices.ContainsFunc(i.Claims.Of(i.Version), func(id req.ID) bool { return statements[id] }) {
			meant = append(meant, i)
		}
	}
	switch {
	case len(meant) > 0:
		return meant, nil
	case len(known) == 1 && monitored(known[0].ID):
		return nil, errors.New("no spec claims this statement; monitors check it on the traffic of every spec")
	case len(known) > 0:
		return nil, errors.New("no spec checks this yet")
	}
	near := nearest(expr, namesOf(list))
	if _, after, ok := strings.Cut(unknown.Error(), "near it: "); ok {
		near = append(near, after)
	}
	return nil, fmt.Errorf("no spec, section or statement is called that%s", nearMisses(near))
}

// fits reports whether the pattern means the name. Case does not matter, and * stands for any characters.
func fits(pattern, name string) (bool, error) {
	// a slash is no separator here
	plain := strings.NewReplacer("/", "\x00")
	return path.Match(plain.Replace(strings.ToLower(pattern)), plain.Replace(strings.ToLower(name)))
}

// namesOf returns the ids and the section titles of the list, each once.
func namesOf(list []harness.Item) (names []string) {
	seen := map[string]bool{}
	for _, i := range list {
		for _, name := range []string{i.ID, i.Section} {
			if !seen[name] {
				names = append(names, name)
			}
			seen[name] = true
		}
	}
	return names
}

// failedIn returns the keys of the items that failed, or were not decided, in a former result.
func failedIn(file string, strict bool) (map[string]bool, error) {
	r, err := reports.ReadResult(file)
	if err != nil {
		return nil, usagef("--failed: %w", err)
	}
	if len(r.Specs) == 0 {
		return nil, usagef("--failed: %s has no specs in it", file)
	}
	failed := map[string]bool{}
	for _, s := range r.Specs {
		bad := s.OwnDefect || s.Verdict == reports.Fail || s.Verdict == reports.Inconclusive || strict && s.Verdict == reports.Warning
		for _, f := range s.Findings {
			bad = bad || f.Verdict == reports.Fail || strict && f.Verdict == reports.Warning
		}
		if bad {
			failed[s.ID+"/"+s.Version.String()] = true
		}
	}
	return failed, nil
}
