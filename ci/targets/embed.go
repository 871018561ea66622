// Package targets holds the descriptions of brokers that the program ships, and the schema that they follow.
package targets

import "embed"

// Files are the descriptions, *.yaml.
//
//go:embed *.yaml
var Files embed.FS

// Schema is the JSON schema of a description, for editors and for tests.
//
//go:embed target.schema.json
var Schema []byte
