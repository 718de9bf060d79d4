"""The wire: what an operation looks like as HTTP, without any I/O. Servers and clients use the same definitions.

============== =============================================================================================
``routes``     one table: name, method, path templates of API v2 and v1, operation, action, status
``dialects``   which generation of Chroma the other side belongs to
``exchanges``  what an exchange is; ``service``, ``collections`` and ``records`` have one per operation
``codec``      the four functions below
``arrays``     vectors: JSON lists and base64 of little-endian float32
``errors``     errors: class, name and status, for either generation
``limits``     what a server advertises before the first write
============== =============================================================================================

A server::

    route, parameters = ...                         # its router is made from routes.ROUTES
    operation = codec.decode_request(route, parameters, body)
    result = engine.run(operation)
    body = codec.encode_result(operation, result, dialect)          # status: route.status
    # or, where a ChromaError was raised:
    failure = errors.encode_error(error, dialect)                   # failure.status, failure.body(request_id)

A client::

    request = codec.encode_request(operation, dialect, base64=...)  # request.method, .path, .query, .body
    # send it; then
    result = codec.decode_result(operation, body, dialect)          # status < 400
    raise errors.decode_error(status, body, operation)              # status >= 400

Everything raised is a ChromaError. ``chromadb._server`` and ``chromadb._client`` build on this; it builds on
``_model`` and ``errors`` alone.
"""
