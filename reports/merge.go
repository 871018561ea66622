package reports

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Merge makes one result of several: of the shards of one run, or of runs against several targets. Where several have the
// same spec on the same variant of a target, the one that needs more attention stays. What follows from the specs is
// computed anew. Results of brokers and of devices do not mix.
func Merge(results ...Result) (Result, error) {
	if len(results) == 0 {
		return Result{}, errors.New("there is nothing to merge")
	}
	m := Result{SchemaVersion: SchemaVersion, Targets: []TargetResult{}, Specs: []SpecResult{}}
	type key struct {
		id              string
		version         wire.Version
		target, variant string
	}
	at := map[key]int{}
	for _, r := range results {
		if r.side() != results[0].side() {
			return m, errors.New("the results of brokers and of devices cannot be merged")
		}
		for _, t := range r.Targets {
			for _, v := range t.Variants {
				m.addVariant(v)
			}
		}
		for _, s := range r.Specs {
			k := key{s.ID, s.Version, s.Target, s.Variant}
			n, there := at[k]
			switch {
			case !there:
				at[k] = len(m.Specs)
				m.Specs = append(m.Specs, s)
			case s.Verdict.worse(m.Specs[n].Verdict):
				m.Specs[n] = s
			}
		}
	}
	m.Run = mergedRun(results)
	inOrder(m.Specs)
	conclude(&m)
	return m, nil
}

// mergedRun describes several runs as one, from the start of the first to the end of the last.
func mergedRun(results []Result) RunInfo {
	run := results[0].Run
	run.Arguments = slices.DeleteFunc(slices.Clone(run.Arguments), func(word string) bool { return strings.HasPrefix(word, "--shard=") })
	run.Complete = true
	var end time.Time
	var reasons []string
	for _, r := range results {
		if r.Run.Start.Before(run.Start) {
			run.Start = r.Run.Start
		}
		if over := r.Run.Start.Add(r.Run.Duration); over.After(end) {
			end = over
		}
		if r.Run.Seed != run.Seed {
			run.Seed = 0 // there is none that makes all of it the same again
		}
		run.Jitter, run.Parallel = max(run.Jitter, r.Run.Jitter), max(run.Parallel, r.Run.Parallel)
		run.Complete, run.Interrupted, run.Strict = run.Complete && r.Run.Complete, run.Interrupted || r.Run.Interrupted, run.Strict || r.Run.Strict
		if r.Run.Reason != "" {
			reasons = addNew(reasons, []string{r.Run.Reason})
		}
	}
	run.Duration, run.Reason = end.Sub(run.Start), strings.Join(reasons, "; ")
	return run
}

// inOrder puts specs in the order of the list, as far as it can be known: the newest version first, then the sections
// as they come, and each as it stands in its source.
func inOrder(specs []SpecResult) {
	section := map[string]int{}
	for _, s := range specs {
		if _, there := section[s.Section]; !there {
			section[s.Section] = len(section)
		}
	}
	slices.SortStableFunc(specs, func(a, b SpecResult) int {
		return cmp.Or(cmp.Compare(b.Version, a.Version), cmp.Compare(section[a.Section], section[b.Section]), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
