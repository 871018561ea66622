package target

import (
	"errors"
	"strings"
)

// splitCommand splits a command line into words at white space. Single and double quotes keep what is between them
// together; a backslash outside single quotes takes the next quote, space or backslash as it is, and stands for itself
// before anything else, as Windows paths have it.
func splitCommand(line string) (words []string, err error) {
	var word strings.Builder
	inWord, quote := false, rune(0)
	rs := []rune(line)
	for i := 0; i < len(rs); i++ {
		r := rs[i]
		switch {
		case r == '\\' && quote != '\'' && i+1 < len(rs) && strings.ContainsRune(`\"' `, rs[i+1]):
			i++
			word.WriteRune(rs[i])
			inWord = true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("the command has a quote without its end: " + string(quote))
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("the command is empty")
	}
	return words, nil
}
