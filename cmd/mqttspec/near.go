package main

import (
	"cmp"
	"slices"
	"strings"
)

// nearest returns at most three of the names that may have been meant by what was given: those that differ in few
// characters, then those that contain it. Case does not matter.
func nearest(given string, names []string) []string {
	type candidate struct {
		name   string
		misses int
	}
	var near []candidate
	small := strings.ToLower(given)
	for _, name := range names {
		lower := strings.ToLower(name)
		switch misses := distance(small, lower); {
		case misses <= 1+len(given)/4:
			near = append(near, candidate{name, misses})
		case len(given) >= 3 && strings.Contains(lower, small):
			near = append(near, candidate{name, misses + len(name)})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.misses, b.misses) })
	var found []string
	for _, c := range near[:min(len(near), 3)] {
		found = append(found, c.name)
	}
	return found
}

// distance is the number of single-byte insertions, deletions, substitutions and swaps of neighbours between two names.
func distance(a, b string) int {
	rows := [][]int{make([]int, len(b)+1)}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			row[j] = min(rows[i-1][j]+1, row[j-1]+1, changed)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], rows[i-2][j-2]+1)
			}
		}
		rows = append(rows, row)
	}
	return rows[len(a)][len(b)]
}
