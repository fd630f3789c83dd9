"""The operators' API, `/api/admin/`: JSON for programs that provision, bill and watch, by RFC 9457 and RFC 9110."""
