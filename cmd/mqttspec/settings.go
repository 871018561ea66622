package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settingsFile holds flags by command; see docs/cli.md.
const settingsFile = "mqttspec.yaml"

// environmentPrefix begins the names of variables that stand for flags.
const environmentPrefix = "MQTTSPEC_"

// foreignVariables begin like those for flags and mean something else.
var foreignVariables = map[string]bool{
	"MQTTSPEC_LOCAL_IMAGES": true, "MQTTSPEC_RUN": true,
	// of our own tests
	"MQTTSPEC_REQUIRE_DOCKER": true, "MQTTSPEC_REQUIRE_CLIENTS": true, "MQTTSPEC_MISSING_IMAGES": true, "MQTTSPEC_AS_PROGRAM": true,
}

// variableOf returns the environment variable of a flag: MQTTSPEC_MAX_UNDECIDED for --max-undecided.
func variableOf(flag string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// applySettings sets the flags that the command line leaves open: from the environment, otherwise from the file.
func applySettings(cmd *cobra.Command, environ []string, path string) error {
	values, err := readSettings(cmd.Root(), path)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	of := values[cmd.Name()]
	environment := map[string]string{}
	for _, e := range environ {
		if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, environmentPrefix) {
			environment[name] = value
		}
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "help" {
			return
		}
		source, value := variableOf(f.Name), []string(nil)
		if text, ok := environment[source]; ok {
			// several values stand on lines of their own: a command or an expression may hold any other sign
			if value = []string{text}; isList(f) {
				value = strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
			}
		} else if s, ok := of[f.Name]; ok {
			source, value = fmt.Sprintf("%s:%d: %s", path, s.line, f.Name), s.values
		}
		for _, v := range value {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				failed = usagef("%s: %w", source, cause(err))
				return
			}
		}
	})
	if failed == nil {
		warnUnknownVariables(cmd, environment)
	}
	return failed
}

// cause returns what is wrong with a value, without pflag's words around it, which speak of the command line.
func cause(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

func isList(f *pflag.Flag) bool {
	_, ok := f.Value.(pflag.SliceValue)
	return ok
}

// warnUnknownVariables tells of variables that no command has a flag for. They may be a typing error, after which the
// run would judge something else than was meant.
func warnUnknownVariables(cmd *cobra.Command, environment map[string]string) {
	known := map[string]bool{}
	for _, c := range commandsBelow(cmd.Root()) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known[variableOf(f.Name)] = true })
	}
	for name := range environment {
		if !known[name] && !foreignVariables[name] {
			cmd.PrintErrf("mqttspec: warning: the environment variable %s is ignored: no flag has that name\n", name)
		}
	}
}

// commandsBelow returns the command and all its subcommands.
func commandsBelow(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, commandsBelow(sub)...)
	}
	return all
}

// setting is what the file says of one flag.
type setting struct {
	values []string
	line   int
}

// readSettings reads the file: a mapping from command to a mapping from flag to a value or a list. It returns nothing
// if there is no file. An error tells the line.
func readSettings(root *cobra.Command, path string) (map[string]map[string]setting, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if !utf8.Valid(content) {
		return nil, fmt.Errorf("%s is no text in UTF-8", path)
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, yamlReason(err))
	}
	r := settingsReader{root: root, path: path, lines: strings.Split(string(content), "\n")}
	values := map[string]map[string]setting{}
	for _, doc := range file.Docs {
		if err := r.commands(doc.Body, values); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// yamlReason is the first line of an error of the YAML package, with line and column; the rest is an excerpt.
func yamlReason(err error) string {
	first, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
	return strings.Replace(first, "found character '\t' that cannot start any token", "a tab stands where YAML wants spaces", 1)
}

type settingsReader struct {
	root  *cobra.Command
	path  string
	lines []string
}

// errorAt says what is wrong on the line of a node, and shows the line.
func (r settingsReader) errorAt(n ast.Node, format string, args ...any) error {
	line := n.GetToken().Position.Line
	text := ""
	if line >= 1 && line <= len(r.lines) {
		text = strings.TrimSpace(r.lines[line-1])
	}
	return fmt.Errorf("%s:%d: %s, in the line %q", r.path, line, fmt.Sprintf(format, args...), text)
}

// pairs returns the entries of a mapping; an empty document has none.
func (r settingsReader) pairs(n ast.Node, what string) ([]*ast.MappingValueNode, error) {
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil, nil
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	}
	return nil, r.errorAt(n, "%s must be a mapping", what)
}

func (r settingsReader) commands(n ast.Node, into map[string]map[string]setting) error {
	pairs, err := r.pairs(n, "the file")
	if err != nil {
		return err
	}
	for _, p := range pairs {
		name := p.Key.String()
		at := slices.IndexFunc(r.root.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
		if at < 0 {
			return r.errorAt(p.Key, "no command is called %q%s", name, nearMisses(nearest(name, namesOfCommands(r.root))))
		}
		command := r.root.Commands()[at]
		if into[name], err = r.flags(command, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func (r settingsReader) flags(command *cobra.Command, n ast.Node) (map[string]setting, error) {
	pairs, err := r.pairs(n, command.Name())
	if err != nil {
		return nil, err
	}
	of := map[string]setting{}
	for _, p := range pairs {
		name := p.Key.String()
		flag := command.Flags().Lookup(name)
		if flag == nil || name == "help" {
			var names []string
			command.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
			return nil, r.errorAt(p.Key, "%s knows no %q%s", command.Name(), name, nearMisses(nearest(name, names)))
		}
		values, ok := scalars(p.Value)
		if !ok || len(values) > 1 && !isList(flag) {
			return nil, r.errorAt(p.Key, "%s wants one plain value", name)
		}
		of[name] = setting{values, p.Key.GetToken().Position.Line}
	}
	return of, nil
}

// scalars returns a plain value, or those of a list of them.
func scalars(n ast.Node) ([]string, bool) {
	if list, ok := n.(*ast.SequenceNode); ok {
		var values []string
		for _, v := range list.Values {
			one, ok := scalars(v)
			if !ok || len(one) != 1 {
				return nil, false
			}
			values = append(values, one[0])
		}
		return values, true
	}
	switch v := n.(type) {
	case *ast.StringNode:
		return []string{v.Value}, true
	case *ast.LiteralNode:
		return []string{v.Value.Value}, true
	case *ast.NullNode, *ast.MappingNode, *ast.MappingValueNode, *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, nil:
		return nil, false
	}
	return []string{n.GetToken().Value}, true
}
