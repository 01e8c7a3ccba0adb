"""MQTT, Home Assistant, the local API."""
