package awsiot

import (
	"encoding/json"
	"math/big"
)

// section is desired or reported, with the times at which its values were set. It does not change once it is made:
// older documents keep it.
type section struct {
	state    map[string]any
	metadata map[string]any
}

// merge returns the section as an update makes it: what the patch has is set, its nulls are removed, the rest stays. A
// patch that is no patch (nil) changes nothing, one that is null removes everything.
func (s section) merge(patch *map[string]any, now int64) section {
	if patch == nil {
		return s
	}
	if *patch == nil {
		return section{}
	}
	state, metadata := merged(s.state, s.metadata, *patch, now)
	return section{state, metadata}
}

func merged(state, metadata, patch map[string]any, now int64) (newState, newMetadata map[string]any) {
	newState, newMetadata = map[string]any{}, map[string]any{}
	for k, v := range state {
		newState[k], newMetadata[k] = v, metadata[k]
	}
	for k, v := range patch {
		if v == nil {
			delete(newState, k)
			delete(newMetadata, k)
			continue
		}
		inner, isObject := v.(map[string]any)
		if !isObject {
			newState[k], newMetadata[k] = v, stamp(v, now)
			continue
		}
		old, _ := newState[k].(map[string]any) // nil if there was no object
		oldMetadata, _ := newMetadata[k].(map[string]any)
		newState[k], newMetadata[k] = merged(old, oldMetadata, inner, now)
	}
	return newState, newMetadata
}

// stamped is the metadata of an object whose values are all set now; nulls have none.
func stamped(object map[string]any, now int64) map[string]any {
	m := map[string]any{}
	for k, v := range object {
		if v != nil {
			m[k] = stamp(v, now)
		}
	}
	return m
}

// stamp is the metadata of a value that is set now: of the same shape, with a time in place of every plain value.
func stamp(value any, now int64) any {
	switch v := value.(type) {
	case map[string]any:
		return stamped(v, now)
	case []any:
		m := make([]any, len(v))
		for i, inner := range v {
			m[i] = stamp(inner, now)
		}
		return m
	}
	return map[string]any{"timestamp": now}
}

// difference returns what desired has and reported has not, or has otherwise. Objects are compared key by key,
// everything else as a whole.
func difference(desired, reported map[string]any) map[string]any {
	differing := map[string]any{}
	for k, want := range desired {
		have, known := reported[k]
		wantObject, ok1 := want.(map[string]any)
		haveObject, ok2 := have.(map[string]any)
		switch {
		case ok1 && ok2:
			if inner := difference(wantObject, haveObject); len(inner) > 0 {
				differing[k] = inner
			}
		case !known || !same(want, have):
			differing[k] = want
		}
	}
	return differing
}

// described returns the metadata of those values that are in state.
func described(state, metadata map[string]any) map[string]any {
	m := map[string]any{}
	for k, v := range state {
		inner, isObject := v.(map[string]any)
		innerMetadata, described1 := metadata[k].(map[string]any)
		if isObject && described1 {
			m[k] = described(inner, innerMetadata)
		} else {
			m[k] = metadata[k]
		}
	}
	return m
}

// same compares two JSON values; numbers by their value.
func same(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			if other, known := y[k]; !known || !same(v, other) {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i, v := range x {
			if !same(v, y[i]) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := y.(json.Number)
		return ok && (x == y || sameNumber(x, y))
	}
	return x == y
}

func sameNumber(x, y json.Number) bool {
	a, _, err1 := big.ParseFloat(string(x), 10, 200, big.ToNearestEven)
	b, _, err2 := big.ParseFloat(string(y), 10, 200, big.ToNearestEven)
	return err1 == nil && err2 == nil && a.Cmp(b) == 0
}
