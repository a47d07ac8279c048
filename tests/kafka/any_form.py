"""A world whose server chooses the form of its messages anew at each start."""

from world import World


class AnyForm(World):
    def new_server(self):
        self.settings["kafka_message"] = self.random.choice(("packed", "json"))
        return super().new_server()
