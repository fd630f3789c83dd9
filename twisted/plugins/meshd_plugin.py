from twisted.application.service import ServiceMaker

meshd = ServiceMaker("meshd", "meshd.tap", "A proxy service: accounts, metered proxies and their API", "meshd")
