module github.com/mqttspec/mqttspec

go 1.26
