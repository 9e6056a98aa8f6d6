"""Machines that never stop sending: MQTT and OPC UA into durable files, by a resident process.

    connections -> ingester -> mqtt (broker, payloads) ──┐
                            -> opcua (watch, nodes)   ──┴> writer -> spool -> inbox -> the lake's landing

`config` is what a connection may say, `events` what a reading is, `meter` what the heartbeat tells, `connectors` the registry's entries,
`demo` a factory to try it on.
"""
