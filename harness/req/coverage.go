package req

// Count is how far statements were checked. Each number is a part of the one before it, and none stands for another:
// a statement that is observable is not thereby exercised, and one that is exercised is not thereby kept.
type Count struct {
	// Known statements stand in the catalogue for the version, whichever side they bind.
	Known int
	// Observable statements are those that a test of the side can see kept or broken. For a server they include duties
	// of the client to whose breach the server's reaction is prescribed.
	Observable int
	// Exercised statements are observable ones on which at least one check ran that could have failed.
	Exercised int
	// Kept statements are exercised ones that no check found broken.
	Kept int
}

// Coverage is how far one run checked the statements of one version on one side. The embedded Count is of the
// statements that the standard numbers; the unnumbered duties are counted apart.
type Coverage struct {
	Count
	Unnumbered Count
	// NotExercised are the observable statements that were not exercised, in the order of [All].
	NotExercised []ID
	// Unexpected are statements that were exercised although the catalogue holds them not observable on this side:
	// either the check or the catalogue is wrong. They count as neither exercised nor kept.
	Unexpected []ID
}

// Cover computes the coverage of a run in which side (Server or Client; Both takes a statement as observable that
// either shows) was under test. exercised reports whether a statement was exercised, kept whether none of its checks
// failed; kept is asked about exercised statements only.
func Cover(v Version, side Actor, exercised, kept func(ID) bool) Coverage {
	var c Coverage
	for _, s := range catalogue().all {
		if s.Version != v {
			continue
		}
		count := &c.Count
		if !s.Numbered() {
			count = &c.Unnumbered
		}
		count.Known++
		ran := exercised(s.ID)
		if !s.ObservableAt(side) {
			if ran {
				c.Unexpected = append(c.Unexpected, s.ID)
			}
			continue
		}
		count.Observable++
		if !ran {
			c.NotExercised = append(c.NotExercised, s.ID)
			continue
		}
		count.Exercised++
		if kept(s.ID) {
			count.Kept++
		}
	}
	return c
}
