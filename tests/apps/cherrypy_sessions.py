"""Counts the visits of a session, in memory or in files."""

import os

import cherrypy


class Site:
    @cherrypy.expose
    def index(self):
        visits = cherrypy.session["visits"] = cherrypy.session.get("visits", 0) + 1
        return f"{visits}\n"


def application(**where):
    sessions = {"/": {"tools.sessions.on": True, **where}}
    return cherrypy.Application(Site(), "", sessions)


cherrypy.config.update({"environment": "embedded", "log.screen": False})
in_memory = application()
in_files = application(
    **{
        "tools.sessions.storage_class": cherrypy.lib.sessions.FileSession,
        "tools.sessions.storage_path": os.environ["SESSIONS"],
    }
)
