package req

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// ErrUnknown is wrapped by the errors of [Qualify] and [Match] when no statement is meant by what was given.
var ErrUnknown = errors.New("no such statement")

// versions is the order in which unqualified expressions are answered.
var versions = []Version{V5, V311}

// qualified puts an id as the tables have it under its version.
func qualified(v Version, id string) ID { return ID(v.String() + ":" + id) }

// bare returns the id without its version: "MQTT-3.1.2-24".
func (s Statement) bare() string { return strings.TrimPrefix(string(s.ID), s.Version.String()+":") }

// number returns what stands behind "MQTT-", "3.1.2-24", and nothing for an unnumbered duty.
func (s Statement) number() string {
	number, ok := strings.CutPrefix(s.bare(), "MQTT-")
	if !ok {
		return ""
	}
	return number
}

// Qualify returns the qualified id of a statement of version v: "v5:MQTT-3.1.2-24" for "MQTT-3.1.2-24". It accepts
// an id that is qualified already, if by the same version, and the misprints of the standard. Case does not matter.
// The error for an unknown id wraps [ErrUnknown] and names near misses.
func Qualify(v Version, id string) (ID, error) {
	if documents[v] == "" {
		return "", fmt.Errorf("protocol level %d is no version of the catalogue", byte(v))
	}
	of, body := split(id)
	if len(of) == 1 && of[0] != v {
		return "", fmt.Errorf("%s belongs to %s, not to %s", id, of[0], v)
	}
	if s, ok := exact(v, body); ok {
		return s.ID, nil
	}
	return "", unknown(id, body, []Version{v})
}

// Match returns the statements that an expression means, in the order of [All]. An expression is
//
//   - an id, qualified or not, with or without "MQTT-": "v5:MQTT-3.1.2-24", "MQTT-3.1.2-24", "3.1.2-24", "U5-001"
//   - an id as the standard misprints it: "MQTT-3-8.3-4"
//   - a section of the standard, which means all that is in and below it: "3.1.2", "v311:4.7"
//   - a pattern as of [path.Match] over ids: "MQTT-3.1.2-*", "v5:*", "U5-*"
//
// Without a version it means both. Case does not matter. The error for an expression that means nothing wraps
// [ErrUnknown] and names near misses; one for a malformed pattern wraps [path.ErrBadPattern].
func Match(expr string) ([]Statement, error) {
	of, body := split(expr)
	if strings.ContainsAny(body, `*?[\`) {
		return glob(expr, of, body)
	}
	var found []Statement
	for _, v := range of {
		if s, ok := exact(v, body); ok {
			found = append(found, s)
		}
	}
	if len(found) > 0 {
		return found, nil // before sections: the misprint MQTT-3.1.2.7 of 3.1.1 reads like a heading of 5.0
	}
	for _, v := range of {
		found = append(found, section(v, strings.TrimPrefix(body, "MQTT-"))...)
	}
	if len(found) == 0 {
		return nil, unknown(expr, body, of)
	}
	return found, nil
}

// split takes the version off an expression and brings the rest into the case of ids.
func split(expr string) ([]Version, string) {
	expr = strings.TrimSpace(expr)
	for _, v := range versions {
		if prefix := v.String() + ":"; len(expr) >= len(prefix) && strings.EqualFold(expr[:len(prefix)], prefix) {
			return []Version{v}, strings.ToUpper(expr[len(prefix):])
		}
	}
	return versions, strings.ToUpper(expr)
}

// exact finds the one statement of v that body is the id of.
func exact(v Version, body string) (Statement, bool) {
	if body == "" {
		return Statement{}, false
	}
	for _, s := range catalogue().all {
		if s.Version == v && (s.bare() == body || s.number() == body || s.Printed == body) {
			return s, true
		}
	}
	return Statement{}, false
}

// section finds the statements of v under a heading. "3.1.0" and the like are no headings, but ids use them.
func section(v Version, number string) []Statement {
	var found []Statement
	for _, s := range catalogue().all {
		in := strings.HasPrefix(s.Subsection+".", number+".") || strings.HasPrefix(s.number(), number+"-")
		if s.Version == v && number != "" && in {
			found = append(found, s)
		}
	}
	return found
}

func glob(expr string, of []Version, pattern string) ([]Statement, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	var found []Statement
	for _, s := range catalogue().all {
		if !slices.Contains(of, s.Version) {
			continue
		}
		bare, _ := path.Match(pattern, s.bare())
		number, _ := path.Match(pattern, s.number())
		if bare || number && s.Numbered() {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w matches the pattern", expr, ErrUnknown)
	}
	return found, nil
}

// unknown explains that nothing was found in the versions of, and names what may have been meant: the same id in the
// other version, then the ids that differ least.
func unknown(given, body string, of []Version) error {
	var near []string
	for _, v := range versions {
		if s, ok := exact(v, body); ok {
			near = append(near, string(s.ID))
		}
	}
	if len(near) == 0 {
		near = nearest(body, of)
	}
	if len(near) == 0 {
		return fmt.Errorf("%s: %w", given, ErrUnknown)
	}
	return fmt.Errorf("%s: %w; near it: %s", given, ErrUnknown, strings.Join(near, ", "))
}

// nearest returns at most three ids that differ from body in at most two characters, the closest first and among equals
// those that begin alike for longer: a wrong number in the right section is likelier than the reverse.
func nearest(body string, of []Version) []string {
	type candidate struct {
		id           string
		misses, same int
	}
	var near []candidate
	for _, s := range catalogue().all {
		if !slices.Contains(of, s.Version) {
			continue
		}
		known := s.bare()
		if s.Numbered() && !strings.HasPrefix(body, "MQTT") {
			known = s.number()
		}
		if misses := distance(body, known); misses <= 2 {
			near = append(near, candidate{string(s.ID), misses, common(body, known)})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.misses, b.misses), cmp.Compare(b.same, a.same))
	})
	ids := make([]string, 0, 3)
	for _, c := range near[:min(len(near), 3)] {
		ids = append(ids, c.id)
	}
	return ids
}

// common is the length of the prefix that two ids share.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// distance is the number of single-byte insertions, deletions and substitutions between two ids.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, substituted)
		}
	}
	return row[len(b)]
}
