package org.hccconversion.hapi;

import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.rest.server.exceptions.AuthenticationException;
import jakarta.servlet.http.HttpServletRequest;

/** Refuses every call that does not carry the one bearer token. */
@Interceptor
public class TokenGuard {
    private final String expected;

    public TokenGuard(String token) {
        this.expected = "Bearer " + token;
    }

    @Hook(Pointcut.SERVER_INCOMING_REQUEST_PRE_PROCESSED)
    public void check(HttpServletRequest request) {
        if (!expected.equals(request.getHeader("Authorization"))) {
            throw new AuthenticationException("A bearer token is needed.");
        }
    }
}
