// Starts Swagger UI on our own description. Nothing is asked of other hosts: no validator, no fonts.
'use strict';
window.ui = SwaggerUIBundle({
    url: 'api/v1/openapi.json',
    dom_id: '#viewer',
    presets: [SwaggerUIBundle.presets.apis],
    layout: 'BaseLayout',
    validatorUrl: null,
    deepLinking: true,
    filter: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
});
